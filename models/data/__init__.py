"""What models learn from: batches, crops, prompts and how crops are changed on purpose."""
