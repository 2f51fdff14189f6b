package client

import "ironkv/udp"

// NetworkStats returns the counters of the client's socket.
func (c *Client) NetworkStats() udp.Stats { return c.conn.Stats() }
