package main

import (
	"context"
	"fmt"

	"ironkv/kv/cluster"
)

// startInProcess starts a cluster within this process, where no kvd is found: client
// and hosts then share a scheduler and a heap, and their processor time is not told
// apart.
func startInProcess(ctx context.Context, plan clusterPlan) (*servers, error) {
	keep := cluster.Volatile()
	if plan.disk {
		keep = cluster.Disk("")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c, err := cluster.New(ctx, plan.hosts, keep)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%d hosts in this process (no kvd was found), %s", plan.hosts, plan.storage())
	return &servers{addrs: c.Addrs(), note: note, stopInner: c.Stop}, nil
}
