"""The report of an audit as one page: what was judged, what was found, and what nobody could check."""
