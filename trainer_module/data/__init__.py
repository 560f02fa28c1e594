"""Records of a domain as arrays, their decoding, and the draws from them. Imports only experiment."""
