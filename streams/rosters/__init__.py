"""What concerns one user of friends, blocks, invitations and applications: from conversations' events, and into the tables of rosters."""
