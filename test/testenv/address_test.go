package testenv

import (
	"net"
	"testing"
)

func TestFreeAddress_is_in_a_block_that_no_other_process_gets(t *testing.T) {
	block, err := claimBlock()
	if err != nil {
		t.Fatal(err)
	}
	if listener, err := net.Listen("tcp", loopback(block.firstPort)); err == nil {
		listener.Close()
		t.Error("another process can claim the block")
	}
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
		if port := listener.Addr().(*net.TCPAddr).Port; port <= block.firstPort || port >= block.firstPort+portsPerBlock {
			t.Errorf("port %d is not in the block from %d on", port, block.firstPort)
		}
		if returned[address] {
			t.Errorf("%s was returned twice", address)
		}
		returned[address] = true
	}
}
