"""What people look at: the page, its figures, tables and strips."""
