"""What both adapters need and neither framework knows: turns, conversations, forms, tool calls, hits. Pure."""
