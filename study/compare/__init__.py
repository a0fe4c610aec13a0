"""Two studies side by side: which verdicts differ, and by how much effects and cells moved."""
