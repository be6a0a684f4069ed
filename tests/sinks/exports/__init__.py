"""What state holds, in other formats."""
