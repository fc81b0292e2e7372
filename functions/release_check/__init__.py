"""Checks a new version of the API before it gets traffic: CodeDeploy's hook, in staging and prod."""
