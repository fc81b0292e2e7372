"""The rules: who may do what with a conversation, and its resulting state. They depend on neither HTTP nor AWS."""
