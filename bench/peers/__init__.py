"""The servers that Khata is compared with."""
