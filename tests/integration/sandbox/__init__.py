"""The sandboxes, asked over the network by ordinary clients."""
