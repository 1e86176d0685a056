"""Published evidence: what a paper claims, run again on this code, and put beside what came out."""
