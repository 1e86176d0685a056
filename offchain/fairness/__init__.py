"""What everybody is owed: shortage memory, deficit, the seeded draw, and the key made of them."""
