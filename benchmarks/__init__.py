"""One command a figure: `python -m benchmarks.<name>`; each prints a table and writes JSON to benchmarks/results/."""
