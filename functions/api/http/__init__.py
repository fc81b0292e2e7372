"""What comes before and after a route: keys, limits, bodies, queries, the log. No rule of conversations is here."""
