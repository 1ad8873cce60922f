// supervised.go: prints "same" when a proxy is an object: by ReadAt of many, by Copy and by Mmap
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	const parts = 16
	object, err := os.ReadFile(os.Args[2])
	check(err)
	f, err := os.Open(os.Args[1])
	check(err)
	st, err := f.Stat()
	check(err)
	read := make([]byte, st.Size())
	var all sync.WaitGroup
	for i := int64(0); i < parts; i++ {
		all.Add(1)
		go func(from, to int64) {
			defer all.Done()
			_, err := f.ReadAt(read[from:to], from)
			check(err)
		}(st.Size()*i/parts, st.Size()*(i+1)/parts)
	}
	all.Wait()
	var copied bytes.Buffer
	_, err = io.Copy(&copied, f)
	check(err)
	mapped, err := syscall.Mmap(int(f.Fd()), 0, len(read), syscall.PROT_READ, syscall.MAP_PRIVATE)
	check(err)
	if bytes.Equal(read, object) && bytes.Equal(copied.Bytes(), object) && bytes.Equal(mapped, object) {
		fmt.Println("same")
	}
}
