"""Checks new versions before they get traffic: CodeDeploy's hook, in staging and prod."""
