"""Media engines behind one interface, and the processes that drive them."""
