package testenv

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// The ports of FreeAddress are below those that kernels choose, which are from 32768 on in Linux and from 49152 on elsewhere.
const (
	firstPort       = 10000
	blocks          = 200
	portsPerProcess = 100
)

var lastPort atomic.Int32

// FreeAddress returns a loopback address for a server that starts later. Until then, no other socket gets its port: the
// kernel does not choose it, and each test process has a block of its own. Otherwise a test could take the server of another
// test for its own.
func FreeAddress() (string, error) {
	block := firstPort + os.Getpid()%blocks*portsPerProcess
	for range portsPerProcess {
		port := block + int(lastPort.Add(1))%portsPerProcess
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return listener.Addr().String(), listener.Close()
		}
	}
	return "", fmt.Errorf("find a free port: all of %d to %d are in use", block, block+portsPerProcess-1)
}
