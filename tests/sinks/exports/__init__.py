"""What is written for others: CSV and Parquet, and the records that they are made of."""
