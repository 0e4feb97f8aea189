"""Who people are: profiles, addresses, who is followed and who is hidden."""
