"""What is committed: typed hashes, trees and their paths, the header, the published bundle."""
