"""What tests lean on."""
