"""Reports: the same numbers as text, HTML, Markdown, CSV and JSON."""
