// Reads an audit trail with the transparency log libraries of Go, which know nothing of this project:
// golang.org/x/mod/sumdb/tlog (tiles, proofs) and github.com/transparency-dev/formats/note (P-256 signatures).
//
// Usage: go run . DIRECTORY KEY OLDER-CHECKPOINT
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type files struct{ directory string }

func (f files) Height() int { return 8 }

// Path of a tile as C2SP tlog-tiles has it. Go's own paths name the height too.
func (f files) path(tile tlog.Tile) string {
	return filepath.Join(f.directory, strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
}

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		body, err := os.ReadFile(f.path(tile))
		if err != nil {
			return nil, err
		}
		all = append(all, body)
	}
	return all, nil
}

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func readCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("%s is not a checkpoint of %s", path, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("%s has no root hash", path)
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(hash)}, nil
}

// Reads the entries of every bundle, each after its length of 16 bits.
func (f files) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for bundle := int64(0); bundle*256 < size; bundle++ {
		width := min(256, size-bundle*256)
		tile := tlog.Tile{H: 8, L: -1, N: bundle, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		body, err := os.ReadFile(filepath.Join(f.directory, path))
		if err != nil {
			return nil, err
		}
		for len(body) >= 2 {
			length := int(binary.BigEndian.Uint16(body))
			if len(body) < 2+length {
				return nil, fmt.Errorf("%s is cut off", path)
			}
			all = append(all, body[2:2+length])
			body = body[2+length:]
		}
	}
	return all, nil
}

func verify(directory, key, older string) (int64, error) {
	verifier, err := fnote.NewECDSAVerifier(key)
	if err != nil {
		return 0, err
	}
	tree, err := readCheckpoint(filepath.Join(directory, "checkpoint"), verifier)
	if err != nil {
		return 0, err
	}
	old, err := readCheckpoint(older, verifier)
	if err != nil {
		return 0, err
	}
	log := files{directory}
	reader := tlog.TileHashReader(tree, log)
	extension, err := tlog.ProveTree(tree.N, old.N, reader)
	if err != nil {
		return 0, err
	}
	if err := tlog.CheckTree(extension, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return 0, err
	}
	entries, err := log.entries(tree.N)
	if err != nil {
		return 0, err
	}
	if int64(len(entries)) != tree.N {
		return 0, fmt.Errorf("%d entries, but the checkpoint says %d", len(entries), tree.N)
	}
	for index, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
		if err != nil {
			return 0, fmt.Errorf("entry %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
			return 0, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return tree.N, nil
}

func main() {
	size, err := verify(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(size, "entries")
}
