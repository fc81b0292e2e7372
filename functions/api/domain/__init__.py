"""The rules: what may be done to a conversation, by whom, and what becomes of it. They know neither HTTP nor AWS."""
