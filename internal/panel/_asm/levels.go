package main

import (
	"fmt"
	"math/bits"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// levels is how the levels and scales of a type lie: see levels.go of package panel, whose planes this repeats.
type levels struct {
	quant.Form
	name      string
	low, high int // bits of the planes
}

func quantizedTypes() (list []levels) {
	for _, t := range quant.Types() {
		if t.Quantized() {
			l := levels{Form: quant.FormOf(t), name: t.String()}
			l.low = bits.Len(uint(l.Levels - 1))
			switch l.low {
			case 3:
				l.low, l.high = 2, 1
			case 5, 6:
				l.low, l.high = 4, l.low-4
			}
			list = append(list, l)
		}
	}
	return list
}

// Bytes of a block of 32 columns.
func (l levels) levelBytes() int   { return 64 * (l.low + l.high) }
func (l levels) integerBytes() int { return 32 / l.Group * 16 * l.Per() }
func (l levels) scaleBytes() int { // of what the scales' pointer walks
	if l.Super {
		return l.integerBytes()
	}
	return l.floatBytes()
}

// floatBytes is the size of the scales, and minima, that are shared.
func (l levels) floatBytes() int { return 32 * l.Per() }

// lowPart returns where the low bits of chunk j lie: the run, and from which bit on.
func (l levels) lowPart(j int) (run, bit int) { return j % l.low, j / l.low * l.low }

// highPart does so for the high bits.
func (l levels) highPart(j int) (run, bit int) { return l.low + j%l.high, j / l.high * l.high }

// masks of the planes, in every byte: the high one where its bits belong.
func (l levels) lowMask() string  { return fmt.Sprintf("$0x%08x", (1<<l.low-1)*0x01010101) }
func (l levels) highMask() string { return fmt.Sprintf("$0x%08x", (1<<l.high-1)<<l.low*0x01010101) }

// centre is the number of bits by which a sum of activations is shifted to multiply it with the level that means 0.
func (l levels) centre() int { return bits.Len(uint(l.Zero)) - 1 }

// entry is a type's line of a table of tiles.
func entry(l levels, rows []int, suffix string) string {
	list := ""
	for i, r := range rows {
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf("{%d, mul%s_%d%s}", r, l.name, r, suffix)
	}
	return fmt.Sprintf("quant.%s: {%s}", l.name, list)
}
