"""The steps before and after a route: keys, limits, bodies, queries, the log. It has no rules of conversations."""
