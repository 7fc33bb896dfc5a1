//go:build unix

package panel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// BenchmarkMul reports per second of processor time, so that what else the machine does counts less.
func BenchmarkMul(b *testing.B) {
	for _, s := range [][2]int{{288, 288}, {768, 288}, {512, 2048}, {2048, 512}, {4096, 4096}} {
		for _, typ := range quant.Types() {
			if !typ.Fits(s[1]) {
				continue
			}
			r := rand.New(rand.NewPCG(1, 1))
			data, _ := encoded(r, typ, s[0], s[1])
			m := Pack(nil, typ, s[0], s[1], data, nil)
			for _, n := range []int{1, 4, 8, 32, 256} {
				x := normal(r, n*s[1])
				y := make([]float32, n*s[0])
				var in Input
				in.Set(x, n, s[1], true)
				b.Run(fmt.Sprintf("%dx%d/%v/%d", s[0], s[1], typ, n), func(b *testing.B) {
					start := processorTime(b)
					for b.Loop() {
						m.Mul(y, s[0], &in, 0, m.Panels())
					}
					each := (processorTime(b) - start).Seconds() / float64(b.N)
					b.ReportMetric(2*float64(s[0]*s[1]*n)/each/1e9, "GFLOP/cpu-s")
					b.ReportMetric(float64(len(data))/each/1e9, "GB/cpu-s")
				})
			}
		}
	}
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
