"""What is written for others: CSV, Parquet, PostgreSQL, and the records that they are made of."""
