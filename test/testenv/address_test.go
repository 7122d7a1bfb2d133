package testenv

import (
	"net"
	"testing"
)

func TestFreeAddress_is_outside_the_ports_that_kernels_choose(t *testing.T) {
	returned := map[string]bool{}
	for range portsPerBlock / 2 {
		address, err := FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		if port := listener.Addr().(*net.TCPAddr).Port; port >= 32768 {
			t.Errorf("port %d can be chosen for any socket", port)
		}
		if returned[address] {
			t.Errorf("%s was returned twice", address)
		}
		returned[address] = true
	}
}
