"""Proofs that nothing is lost and nothing doubled, whatever the network, the database and the callers do."""
