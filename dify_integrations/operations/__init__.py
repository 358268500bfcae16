"""Pure builders of operations, one file per API area; every one carries Dify's operationId."""
