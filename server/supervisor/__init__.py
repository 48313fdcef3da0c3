"""Start, watch and stop the processes of Zhiwen. Does not know what the processes do."""
