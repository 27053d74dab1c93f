// Sends the records of a file, see the package's __init__.py.
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
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]), kgo.ProducerBatchCompression(codecs[os.Args[2]]))
	check(err)
	defer client.Close()
	file, err := os.Open(os.Args[3])
	check(err)
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
