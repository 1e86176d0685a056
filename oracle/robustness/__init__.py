"""What happens when meters, ratings, impedances or the network's state are not what is believed."""
