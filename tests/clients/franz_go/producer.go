// Sends the records of files, ADDRESS (COMPRESSION FILE)..., see the package's __init__.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type record struct {
	Topic     string  `json:"topic"`
	Key       *[]byte `json:"key"`
	Value     *[]byte `json:"value"`
	Timestamp int64   `json:"timestamp"`
}

func main() {
	for at := 2; at < len(os.Args); at += 2 {
		send(os.Args[1], os.Args[at], os.Args[at+1])
	}
}

func send(address string, compression string, path string) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address), kgo.ProducerBatchCompression(codecs[compression]))
	check(err)
	defer client.Close()
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var each record
		check(json.Unmarshal(lines.Bytes(), &each))
		sent := &kgo.Record{Topic: each.Topic, Timestamp: time.UnixMilli(each.Timestamp), Headers: []kgo.RecordHeader{
			{Key: "trace-id", Value: []byte{0, 255}}, {Key: "empty", Value: []byte{}}}}
		if each.Key != nil {
			sent.Key = *each.Key
		}
		if each.Value != nil {
			sent.Value = *each.Value
		}
		check(client.ProduceSync(context.Background(), sent).FirstErr())
	}
	check(lines.Err())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
