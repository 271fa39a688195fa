"""Methods compared at equal cost: suites of tasks, methods and seeds, and the table they end in."""
