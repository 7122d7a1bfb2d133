package testenv

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// The ports of FreeAddress are below those that kernels choose by default, from 32768 on in Linux and from 49152 on elsewhere, and
// below those of hack/demo-processes.sh, from 20000 on.
const (
	firstPort     = 10000
	portsPerBlock = 100
	blocks        = 100
)

// claimBlock returns the first port of a block, with a listener that stays open until the process ends, so that no other process
// gets the block.
var claimBlock = sync.OnceValues(func() (claim, error) {
	for i := range blocks {
		port := firstPort + (os.Getpid()+i)%blocks*portsPerBlock
		if listener, err := net.Listen("tcp", loopback(port)); err == nil {
			return claim{port, listener}, nil
		}
	}
	return claim{}, errors.New("find a free port: all blocks are in use")
})

type claim struct {
	firstPort int
	listener  net.Listener // not garbage, or it would be closed
}

var lastOffset atomic.Int32

// FreeAddress returns a loopback address for a server that starts later. Until then, no other socket gets its port: the
// kernel does not choose it, and each test process has a block of its own, whose 99 ports are returned in turn. Otherwise a
// test could take the server of another test for its own.
func FreeAddress() (string, error) {
	block, err := claimBlock()
	if err != nil {
		return "", err
	}
	for range portsPerBlock - 1 {
		address := loopback(block.firstPort + 1 + int(lastOffset.Add(1))%(portsPerBlock-1))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("find a free port: all of %d to %d are in use", block.firstPort+1, block.firstPort+portsPerBlock-1)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
