package main

// storeMutants are faults of what a host keeps, in memory and on the disk.
var storeMutants = []mutant{
	{
		name: "index-in-one-part", file: "kv/store/index.go",
		before: "	partBits = 8\n", after: "	partBits = 0\n",
		breaks: "no single write pays for the growth of the whole index", by: "./kv/store:TestNoWrite",
	},
	{
		name: "late-looked-for-in-index", file: "kv/store/late.go",
		before: "if m.index == nil || m.late.has(string(key)) {", after: "if m.index == nil {",
		breaks: "a key of which the index does not know yet is found, and one that is removed is not", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-ends-before-last", file: "kv/store/late.go",
		before: "key <= l.run[len(l.run)-1].key()", after: "key < l.run[len(l.run)-1].key()",
		breaks: "so is the last of them", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-put-beside", file: "kv/store/memory.go",
		before: "			return\n		}\n		m.settle()\n	}\n	if m.index == nil {\n		w", after: "			return\n		}\n	}\n	if m.index == nil {\n		w",
		breaks: "who writes to a key of which the index does not know yet tells it before", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-deleted-beside", file: "kv/store/memory.go",
		before: "	if m.late.has(string(key)) {\n		m.settle()\n	}\n", after: "",
		breaks: "so does who deletes one", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-run-forgotten-by-put", file: "kv/store/memory.go",
		before: "	m.settle()\n	w := m.write()\n	run", after: "	w := m.write()\n	run",
		breaks: "one run is late at a time", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-run-forgotten-by-removal", file: "kv/store/memory.go",
		before: "	m.settle()\n	first := len", after: "	first := len",
		breaks: "one run is late at a time", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-removed-given-back", file: "kv/store/memory.go",
		before: "	if m.late.is(lateRemoved) {\n		m.settle()\n	}\n", after: "",
		breaks: "a slot is not used again while the index names it", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-flying-given-back", file: "kv/store/fold.go",
		before: "	if m.late.is(lateFlying) {\n		m.settle()\n	}\n", after: "",
		breaks: "nor one that was a delegate's", by: "./kv/store:TestWhatIsLate",
	},
	{
		name: "late-all-at-once", file: "kv/store/late.go",
		before: "	m.tellIndex(lateBite)\n", after: "	m.settle()\n",
		breaks: "nobody waits until the store has tidied up all", by: "./kv/store:TestTidyTakesBites",
	},
	{
		name: "loop-tidies-to-the-end", file: "kv/server/receive.go",
		before: "			return n, err\n		}\n	}\n	wait :=", after: "			return n, err\n		}\n		for l.store.Tidy() {\n		}\n	}\n	wait :=",
		breaks: "what comes while the store tidies up is answered before the rest of it", by: "./kv/server:TestTidies",
	},
	{
		name: "sync-dropped", file: "kv/store/disk.go",
		before: "d.db.ApplyNoSyncWait(batch, pebble.Sync)", after: "d.db.Apply(batch, pebble.NoSync)",
		breaks: "what is committed survives the loss of everything that was not synced", by: "./kv/store:TestCrashAtEveryCommit",
	},
	{
		name: "sync-failure-not-told", file: "kv/store/disk.go",
		before: "	if fault := p.fault.err(); fault != nil {\n		return fmt.Errorf(\"sync of step %d: %w\", p.step, fault)\n	}\n", after: "",
		breaks: "a failed sync is told to whoever waits for it",
	},
	{
		name: "commit-without-table", file: "kv/store/disk.go",
		before: "		if err := d.records.Apply(d.table, nil); err != nil {\n			return nil, d.fail(\"commit\", err)\n		}\n", after: "",
		breaks: "entries and records are committed together",
	},
	{
		name: "commit-of-table-alone", file: "kv/store/disk.go",
		before: "	if d.table.Empty() && d.records.Empty() {\n", after: "	if d.records.Empty() {\n",
		breaks: "a batch that changes entries only is committed, too",
	},
	{
		name: "counters-not-committed", file: "kv/store/disk.go",
		before: "	d.setRecord(append(d.key[:0], prefixCounters), appendCounters(d.value[:0], c))\n", after: "",
		breaks: "the clock is committed with every batch",
	},
	{
		name: "lock-not-needed", file: "kv/store/disk.go",
		before: "	if err != nil {\n		return nil, fmt.Errorf(\"%w: %s is open in another process, or",
		after:  "	if err != nil && lock != nil {\n		return nil, fmt.Errorf(\"%w: %s is open in another process, or",
		breaks: "a directory is open once",
	},
	{
		name: "disk-reads-behind-batch", file: "kv/store/disk_table.go",
		before: "	d.key = appendEntryKey(d.key[:0], string(key))\n	reader := pebble.Reader(d.db)\n	if !d.table.Empty() {",
		after:  "	d.key = appendEntryKey(d.key[:0], string(key))\n	reader := pebble.Reader(d.db)\n	if false {",
		breaks: "a step reads what the steps before it in the batch wrote",
	},
	{
		name: "disk-scans-behind-batch", file: "kv/store/disk_table.go",
		before: "	from, until := entryBounds(r)\n	reader := pebble.Reader(d.db)\n	if !d.table.Empty() {",
		after:  "	from, until := entryBounds(r)\n	reader := pebble.Reader(d.db)\n	if false {",
		breaks: "so does a scan",
	},
	{
		name: "disk-removes-too-few", file: "kv/store/disk_table.go",
		before: "	if len(doomed) == rangeDeleteKeys {\n", after: "	if len(doomed) > rangeDeleteKeys {\n",
		breaks: "all of a range is removed, however many entries it has", by: "./kv/store:TestAllOfAGreatRange",
	},
	{
		name: "disk-boundary-kept", file: "kv/store/disk_records.go",
		before: "		d.dropRecord(appendOwnerKey(d.key[:0], at))\n", after: "",
		breaks: "a boundary that is swallowed leaves the disk",
	},
	{
		name: "disk-until-not-written", file: "kv/store/disk_records.go",
		before: "append(swallowed, r.From, r.Until)", after: "append(swallowed, r.From)",
		breaks: "the boundary at the end of an assigned range is written",
	},
	{
		name: "disk-swallowed-forgotten", file: "kv/store/disk_records.go",
		before: "			swallowed = append(swallowed, piece.From)\n", after: "			_ = swallowed\n",
		breaks: "the boundaries within an assigned range go",
	},
	{
		name: "disk-last-delegate-kept", file: "kv/store/disk_records.go",
		before: "seqno <= last; seqno++ {", after: "seqno < last; seqno++ {",
		breaks: "an acknowledged delegate leaves the disk",
	},
	{
		name: "disk-many-delegates-kept", file: "kv/store/disk_records.go",
		before: "appendDelegateKey(nil, to, last+1))", after: "appendDelegateKey(nil, to, last))",
		breaks: "so do many at once", by: "./kv/store:TestManyAcknowledged",
	},
	{
		name: "disk-answers-of-closed-kept", file: "kv/store/disk_records.go",
		before: "	d.dropRecords(appendAnswerKey(nil, id, 0), appendAnswerKey(nil, id, d.slots))\n", after: "",
		breaks: "a closed session leaves nothing on the disk",
	},
	{
		name: "disk-window-not-widened", file: "kv/store/disk_records.go",
		before: "	if d.slots >= window {\n		return nil\n	}\n", after: "	if d.slots > 0 {\n		return nil\n	}\n",
		breaks: "answers keep their places where a window grows",
	},
	{
		name: "disk-missing-delegate", file: "kv/store/disk_records.go",
		before: "seqno != want {", after: "seqno < want {",
		breaks: "a directory from which a delegate is missing is not opened", by: "./kv/store:TestAMissingDelegate",
	},
	{
		name: "entry-bound-included", file: "kv/store/keys.go",
		before: "		return from, appendEntryKey(nil, string(key))\n", after: "		return from, append(appendEntryKey(nil, string(key)), 0)\n",
		breaks: "a range of entries does not contain its end",
	},
	{
		name: "codec-acked-received", file: "kv/store/codec.go",
		before: "Acked: r.u64(), Received: r.u64()}", after: "Received: r.u64(), Acked: r.u64()}",
		breaks: "a record is read as it was written",
	},
	{
		name: "load-floor-of-last", file: "kv/store/load.go",
		before: "s.Floor = max(s.Floor, a.floor)", after: "s.Floor = a.floor",
		breaks: "a session's floor is the highest that an answer carries",
	},
	{
		name: "load-answers-below-floor", file: "kv/store/load.go",
		before: "			if a.number >= s.Floor {\n", after: "			if a.number > s.Floor {\n",
		breaks: "the answer at the floor is kept",
	},
	{
		name: "memory-clone-shares", file: "kv/store/memory.go",
		before: "	m.owned = false\n	m.share()\n	c := *m\n", after: "	m.share()\n	c := *m\n",
		breaks: "a clone and its original do not see each other's changes", by: "./kv/store:TestCloneIsIndependent",
	},
	{
		name: "memory-crash-keeps", file: "kv/store/memory.go",
		before: "	m.now, m.owned, m.dirty = m.saved, false, false\n", after: "	m.dirty = false\n",
		breaks: "a crash loses what was not committed: else the simulator proves nothing",
	},
	{
		name: "memory-room-not-returned", file: "kv/store/table.go",
		before: "		t.used -= b.entries[i].size()\n", after: "",
		breaks: "what is overwritten takes no room any more", by: "./kv/store:TestMemoryRoom",
	},
	{
		name: "entry-size-as-asked", file: "kv/store/entry.go",
		before: "lay(data[:cap(data)], e)", after: "lay(data[:len(data):len(data)], e)",
		breaks: "what the allocator rounds an entry up to is counted", by: "./kv/store:TestBytesPerEntryBySize",
	},
	{
		name: "entry-keeps-all-slack", file: "kv/store/entry.go",
		before: "if left < 0 || left > min(max(smallSlackBytes, len(data)/4), maxSlackBytes) {", after: "if left < 0 || left > maxSlackBytes {",
		breaks: "a value that became small gives memory back", by: "./kv/store:TestWhatAnEntryTakes",
	},
	{
		name: "table-shared-page-changed", file: "kv/store/table.go",
		before: "	if b.owner != t.owner {\n", after: "	if b.owner == nil {\n",
		breaks: "a page that a clone shares is copied before it changes", by: "./kv/store:TestCloneIsIndependent",
	},
	{
		name: "table-page-not-dropped", file: "kv/store/table.go",
		before: "until-from == len(b.entries) && b.low != \"\"", after: "false",
		breaks: "a table that shrank is as small as one that never was larger", by: "./kv/store:TestTable",
	},
	{
		name: "table-range-to-end-of-page", file: "kv/store/table.go",
		before: "		if until != \"\" && i == len(touched)-1 {\n			end, _ = b.search(until)\n		}\n", after: "",
		breaks: "of the last page of a range only what lies in the range is removed",
	},
	{
		name: "table-never-joined", file: "kv/store/table.go",
		before: "if len(right.entries) >= minPageEntries {", after: "if len(right.entries) >= 0 {",
		breaks: "pages that have become small become one", by: "./kv/store:TestSmallPages",
	},
	{
		name: "table-ascending-leaves-halves", file: "kv/store/table.go",
		before: "	if at == pageEntries {\n		cut = at\n	}\n", after: "",
		breaks: "keys that come in their order leave full pages behind", by: "./kv/store:TestAscendingKeys",
	},
	{
		name: "fence-syncs-after-failure", file: "kv/store/fence.go",
		before: "	if err := f.fence.down.err(); err != nil {\n		return err\n	}\n	if err := do(); err != nil {\n		return f.fence.fail(\"sync\"",
		after:  "	if err := do(); err != nil {\n		return f.fence.fail(\"sync\"",
		breaks: "no sync is tried again after one has failed",
	},
	{
		name: "index-keeps-removed", file: "kv/store/late.go",
		before: "		m.index.removeAll(bite)\n", after: "",
		breaks: "what is removed is found no more",
	},
	{
		name: "index-outlives-clone", file: "kv/store/memory.go",
		before: "	m.owned = false\n	m.share()\n	c := *m\n", after: "	m.owned = false\n	c := *m\n",
		breaks: "a clone and its original do not change each other's index", by: "./kv/store:TestValuesStay",
	},
	{
		name: "index-splits-by-wrong-bit", file: "kv/store/index.go",
		before: "	bit := 63 - b.depth", after: "	bit := 62 - b.depth",
		breaks: "an entry is in the bucket to which its hash leads", hangs: true,
	},
	{
		name: "index-bits-not-renewed", file: "kv/store/index.go",
		before: "if shift != nextShift(b.depth) {", after: "if false {",
		breaks: "a bucket keeps the bits by which it will be split", by: "./kv/store:TestTheIndexAgrees",
	},
	{
		name: "run-over-others", file: "kv/store/memory.go",
		before: "		vacant = p.key() > last\n", after: "		_ = p.key() > last\n",
		breaks: "only what has no entry in its midst becomes pages as it is", by: "./kv/store:TestTable",
	},
	{
		name: "run-beyond-page", file: "kv/store/table.go",
		before: "			n, _ = (&page{entries: run}).search(next.low)\n", after: "			_ = next\n",
		breaks: "a page has the keys from its low bound to the next page's", by: "./kv/store:TestTable",
	},
	{
		name: "run-in-any-order", file: "kv/store/memory.go",
		before: "if entries[i].Key >= entries[i+1].Key {", after: "if entries[i].Key < \"\" {",
		breaks: "what a delegate carries is put as if one by one, also where its keys do not ascend", by: "./kv/store:TestConformance",
	},
	{
		name: "arena-takes-from-delegates", file: "kv/store/fold.go",
		before: "slices.Clone(m.gone)\n		m.gone = m.gone[:0]\n", after: "slices.Clone(m.gone)\n",
		breaks: "a delegate has its entries until it is acknowledged", by: "./kv/store:TestADelegatesEntriesStay",
	},
	{
		name: "arena-takes-before-commit", file: "kv/store/memory.go",
		before: "		m.gone = append(m.gone, p)\n	}\n	m.write", after: "		m.arena.give(p)\n	}\n	m.write",
		breaks: "what is removed keeps its content until the commit", by: "./kv/store:TestValuesStay",
	},
	{
		name: "arena-keeps-delegates", file: "kv/store/fold.go",
		before: "		m.gone = append(m.gone, m.flying[flight{to, n}]...)\n", after: "",
		breaks: "what was given away takes no memory once it is acknowledged", by: "./kv/store:TestAMoveTakesNoMemory",
	},
	{
		name: "arena-keeps-slabs", file: "kv/store/arena.go",
		before: "	discard(unsafe.Slice((*byte)(unsafe.Pointer(s)), slabBytes))\n", after: "",
		breaks: "memory without entries is the system's again", by: "./kv/store:TestEmptySlabs",
	},
	{
		name: "arena-slot-twice", file: "kv/store/arena.go",
		before: "	if s.full(size) {\n		a.unlink(s)\n", after: "	if s.free == 0 && s.fresh >= slabBytes {\n		a.unlink(s)\n",
		breaks: "a slab has no slot beyond its end", hangs: true,
	},
	{
		name: "index-tag-is-enough", file: "kv/store/index.go",
		before: "if i += next; b.slots[i].packed().key() == string(key) {", after: "if i += next; true {",
		breaks: "an entry is found by its key, not by its hash",
	},
	{
		name: "witness-closed-log-ignored", file: "kv/store/witness.go",
		before: "	w.closed[filepath.Base(name)] = s\n", after: "",
		breaks: "a closed log that is cut off between two records is refused", by: "./kv/store:TestDamage",
	},
	{
		name: "witness-newest-log-ignored", file: "kv/store/fence.go",
		before: "f.syncs%f.testifyEvery == 0", after: "f.testifyEvery == 1",
		breaks: "so is the newest one, as far as the witness was told of it", by: "./kv/store:TestDamageOfALongLog",
	},
	{
		name: "witness-makes-no-note", file: "kv/store/fence.go",
		before: "			err = f.fence.witness.logSynced(f.name, *f.sum)", after: "			err = nil",
		breaks: "after a kill all that was synced is vouched for", by: "./kv/store:TestDamageOfALongLog",
	},
	{
		name: "witness-note-not-checked", file: "kv/store/witness.go",
		before: "	if slices.Contains(w.testimony.Logs, w.note.Log) {", after: "	if false {",
		breaks: "what is noted has to be there", by: "./kv/store:TestDamageOfALongLog",
	},
	{
		name: "witness-once", file: "kv/store/witness.go",
		before: "for i := range int64(witnessCopies) {", after: "for i := range int64(1) {",
		breaks: "a damaged testimony has a copy", by: "./kv/store:TestWitnessIsThereTwice",
	},
	{
		name: "marker-before-manifest", file: "kv/store/fence.go",
		before: "	if !isMarker(name) {\n", after: "	if true {\n",
		breaks: "what names the manifest is not there without it after a crash", by: "./kv/store:TestCrashWhileOpening",
	},
	{
		name: "identity-format-unchecked", file: "kv/store/identity.go",
		before: "	case t.sum() != t.CRC32C:", after: "	case t.Format == formatVersion && t.sum() != t.CRC32C:",
		breaks: "a damaged file is not taken for one of another format", by: "./kv/store:TestDamage",
	},
	{
		name: "directory-within-another", file: "kv/store/identity.go",
		before: "parent != dir; dir, parent", after: "parent != parent; dir, parent",
		breaks: "a host's directory does not lie within another's", by: "./kv/store:TestDirectoryIsOneHosts",
	},
}
