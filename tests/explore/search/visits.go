package search

import "encoding/binary"

// A hash is what a state is told from others by.
type hash [16]byte

// none is the parent of a first state.
const none = ^uint32(0)

// A visit is a state that was seen, and the number of the visit from which it was first.
type visit struct {
	key    hash
	parent uint32
}

// visits are all states seen, numbered from 0 as they come: 20 bytes each, and 5 to 11
// for the places by which they are found. The zero value is none.
type visits struct {
	count  int
	blocks [][]visit
	places []uint32 // 1 more than the visit whose hash leads here, or to one before; 0 for none
}

const (
	visitsPerBlock = 1 << 16
	firstPlaces    = 1 << 12
)

func (v *visits) at(number uint32) *visit {
	return &v.blocks[number/visitsPerBlock][number%visitsPerBlock]
}

// add returns the number of the state's visit, and whether it is its first.
func (v *visits) add(key hash, parent uint32) (number uint32, fresh bool) {
	if 4*v.count >= 3*len(v.places) {
		v.grow()
	}
	place := v.place(key)
	for ; v.places[place] != 0; place = (place + 1) % len(v.places) {
		if number = v.places[place] - 1; v.at(number).key == key {
			return number, false
		}
	}
	if v.count%visitsPerBlock == 0 {
		v.blocks = append(v.blocks, make([]visit, visitsPerBlock))
	}
	number = uint32(v.count)
	v.count++
	v.places[place] = number + 1
	*v.at(number) = visit{key, parent}
	return number, true
}

// place is where the search for a hash begins. The number of places is a power of 2.
func (v *visits) place(key hash) int {
	return int(binary.LittleEndian.Uint64(key[:8]) & uint64(len(v.places)-1))
}

func (v *visits) grow() {
	v.places = make([]uint32, max(firstPlaces, 2*len(v.places)))
	for number := range v.count {
		place := v.place(v.at(uint32(number)).key)
		for v.places[place] != 0 {
			place = (place + 1) % len(v.places)
		}
		v.places[place] = uint32(number) + 1
	}
}
