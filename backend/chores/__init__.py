"""What must be done now and then, whoever calls: durable, on DBOS."""
