"""What of changed copies of photos is found, and which different photos are joined."""
