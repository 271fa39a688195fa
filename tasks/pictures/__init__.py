"""What the picture tasks share: pictures and annotations read from files, with errors that name the file."""
