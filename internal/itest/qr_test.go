package itest

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"
)

// The images that Enrolment.QR draws, of which package orgusers keeps three, hold their links when
// read as a scanner reads them: another program's decoder that has to find the code on the page.
func TestC6_QRCodesCanBeScanned(t *testing.T) {
	t.Parallel()
	const folder = "../../orgusers/testdata/enrolment"
	images, err := filepath.Glob(filepath.Join(folder, "*.png"))
	require.NoError(t, err)
	require.Len(t, images, 3)
	for _, file := range images {
		f, err := os.Open(file)
		require.NoError(t, err)
		img, err := png.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
		require.NoError(t, err)
		got, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		require.NoError(t, err, file)
		want, err := os.ReadFile(file[:len(file)-len(".png")] + ".txt")
		require.NoError(t, err)
		require.Equal(t, string(want), got.GetText(), file)
	}
}
