"""The AuditTrail generator."""
