"""Stand-ins for Google and Zapier that speak their wire. Demo mode and the tests run on them."""
