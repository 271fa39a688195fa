"""What each modality brings to the page: its questions, and a place for what plays."""
