"""The accuracy gate below the command: rules, baseline, comparison, output (``docs/gate.md``)."""
