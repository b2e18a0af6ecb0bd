"""What is watched and when it trips; knows nothing of incidents, actions or people."""
