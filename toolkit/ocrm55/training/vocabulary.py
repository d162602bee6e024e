"""Words of signs, labels, receipts and displays. A dictionary has them beside rare ones, as if all were as frequent.

The decoder's language model counts their letters besides those of the dictionary (language.py).
"""

from __future__ import annotations

WORDS = """
the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one
you were her all she there would their we him been has when who will more no if out so said what up its about into
than them can only other new some could time these two may then do first any my now such like our over man me even
most made after also did many before must through back years where much your way well down should because each just
those people mr how too little state good very make world still own see men work long get here between both life
being under never day same another know while last might us great old year off come since against go came right used
take three
open closed close exit entrance enter push pull stop wait slow keep left right no smoking parking park car cars bus
taxi train station gate platform ticket tickets lift lifts stairs escalator toilet toilets ladies gents men women
male female staff only private public danger warning caution fire hose reel hydrant alarm emergency door doors
please thank thanks welcome sale discount special offer offers free gift new hot cold fresh best price prices buy
get more save up promotion member members card cards cash credit debit visa master change total subtotal amount paid
payment balance due tax gst vat invoice receipt bill date time table cashier counter server order item items qty
quantity unit rate rounding nett net gross tel fax phone mobile email web website www com org http address street
road avenue lane drive boulevard square place court plaza centre center mall market shop shops store stores
supermarket hypermarket outlet boutique salon hair beauty spa massage nail clinic dental dentist doctor hospital
pharmacy health care medical optical optics eye eyes glasses watch watches jewellery jewelry gold silver diamond
diamonds fashion shoes bags clothing wear sport sports fitness gym yoga dance music movie cinema theatre film books
book bookstore library museum gallery art school college university academy institute education learning tuition
kids child children baby toys games game play fun world land city town village island beach river lake bay hill
garden gardens flower flowers tree house home hotel hostel inn resort suites lodge apartment residence tower
building block level floor basement ground upper lower north south east west central main grand royal golden green
blue red white black yellow orange pink
cafe coffee tea bubble juice bar pub grill bistro restaurant kitchen dining food foods court bakery bread cake cakes
pastry pizza burger burgers chicken beef pork fish seafood crab prawn duck lamb rice noodle noodles soup salad
sandwich sushi ramen curry steak roast roasted fried steamed spicy sweet sour salt sugar milk cream ice chocolate
vanilla cheese egg eggs butter oil water beer wine drinks drink breakfast lunch dinner set meal meals menu value
large medium small regular extra hotpot dessert desserts fruit fruits apple mango banana lemon lime vegetable
vegetables organic natural healthy delicious taste tasty
bank money changer exchange insurance finance financial capital trust investment holdings group company limited ltd
pte inc corp corporation enterprise enterprises trading industries industrial engineering electrical electronics
electronic hardware software computer computers computing systems system technology technologies solutions services
service international global asia pacific america american europe european british china chinese japan japanese
korea korean india indian thai malaysia singapore london paris york tokyo hong kong france italy germany spain
sdn bhd jalan taman bandar kuala lumpur selangor johor bahru penang petaling jaya shah alam klang malaysian kedai
restoran makan ayam nasi goreng mee teh kopi perniagaan pusat jumlah tunai terima kasih sila datang lagi
monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun january february march april
may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec am pm
daily hours hour minutes minute min mins sec seconds today tomorrow tonight night day days week weekend weekends
weekday month year years public holiday holidays season summer winter spring autumn christmas happy birthday
anniversary
police security guard camera cctv area zone restricted authorised authorized personnel vehicles vehicle height limit
speed max maximum min minimum load kg km lane way one express highway motorway bridge tunnel junction traffic signal
light lights crossing pedestrian bicycle bicycles cycle motorcycle motorcycles lorry truck trucks taxis coach pick
drop point pay here there this that next ahead turn
model serial number no type part item code class series version revision made input output voltage volts volt
current ampere power watt watts frequency phase battery charger adapter supply fuse ground earth device equipment
machine motor pump valve pressure temperature temp humidity flow sensor meter gauge display panel control controller
switch button start reset run mode menu set select enter cancel ok on off high low auto manual error fault alarm
ready active status test check cal calibration date manufactured manufacturer manufacturing expiry expires exp best
before use store dry cool place away heat sunlight contents ingredients nutrition facts energy protein fat
carbohydrate fibre sodium serving weight net gross volume size dimensions lot batch
product products quality assurance inspected approved certified standard complies rules operation subject following
conditions interference caution handle care fragile recyclable recycle dispose disposal flammable toxic corrosive
hazard hazardous protective gloves goggles wash hands
photo photos copy print printing printer scan ink paper stationery office desk chair furniture lighting lamp bed
mattress curtain carpet tiles paint design designs interior exterior renovation cleaning laundry dry repair repairs
workshop tyre tyres battery oil petrol diesel fuel shell station wash
live life love dream dreams magic star stars sun moon sky sea ocean air earth nature king queen prince princess lion
tiger dragon eagle phoenix lucky fortune jade crystal pearl ruby rose lily lotus
samsung sony nokia canon nikon apple google facebook twitter youtube microsoft windows intel philips panasonic
toshiba hitachi sharp casio epson siemens bosch honda toyota nissan mazda ford bmw mercedes benz audi hyundai
mcdonald starbucks subway pepsi coca cola nestle adidas nike puma levi guess zara esprit giordano crocs swatch rolex
citizen seiko
enjoy discover explore experience create celebrate share join visit call now book online available here coming soon
opening grand launch latest collection arrival arrivals exclusive premium deluxe classic original authentic
traditional modern style lifestyle living life better great big super mega mini ultra plus pro max
information info enquiries enquiry customer service help desk reception lobby lounge meeting room rooms conference
hall auditorium theatre ballroom function pool swimming gymnasium locker shower rest restroom washroom nursing
prayer smoking
do not does don wet floor slippery mind head step watch your stand behind line queue start end finish begin beware
dogs cats pets animals feed litter fine penalty trespassers prosecuted property management reserved rights copyright
all
""".split()
